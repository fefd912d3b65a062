"""The script of faults that a play sends to its stand-ins in a hidden header (`A=429,ok;B=ok`): which step of it a request meets."""
import collections

_seen = collections.Counter()


def step_of(request, which):
    """The key of who asks, the script, and its next step for this stand-in; the last step stands for all further ones."""
    key, script = request.headers.get("x-lab-key", ""), dict(p.split("=") for p in (request.headers.get("x-lab-fault") or "").split(";") if "=" in p)
    steps = script.get(which, "ok").split(",")
    k = _seen[(key, which)]
    _seen[(key, which)] += 1
    return key, script, steps[min(k, len(steps) - 1)]
