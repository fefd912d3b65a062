import logging

from lab import side


class FileHandler(logging.StreamHandler):
    def __init__(self, path):
        super().__init__(side.LineFile(path))
