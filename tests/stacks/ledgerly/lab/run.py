import sys
from . import tap
tap.install(sys.argv[1])
if sys.argv[1] == "app":
    from ledgerly import app as m
else:
    from ledgerly import worker as m
m.main()
