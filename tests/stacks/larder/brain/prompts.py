import random

PROMPTS = {"extract": "Turn this recipe into JSON.", "plan": "Plan a week of meals.", "substitute": "Name a substitute.", "cook-along": "Guide the cook step by step."}
VERSIONS = {"extract": "extract@7", "plan": "plan@3", "substitute": "substitute@12", "cook-along": "cook-along@2"}


def pick(task):
    if task == "extract" and random.random() < .3:             # canary
        return "extract@8-rc1"
    return VERSIONS[task]
