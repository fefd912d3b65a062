"""The plan of a play: how often which request is made with which fault, and when. Names and routes are the play's: J of what is queued, F of what follows it, S of what is streamed,
C of a change, O of the other product."""
import os
import random

SCENARIOS = [l.split() for l in """
    J_ok            28  J      A=ok
    J_F             16  J      A=ok
    J_F_down         3  J      A=ok;W=503,500,ok
    J_F_dead         2  J      A=ok;W=503
    J_429            5  J      A=429,ok
    J_5xx            5  J      A=500,503,ok
    J_hang           3  J      A=hang,ok
    J_fallback       5  J      A=503;B=ok
    J_reask          5  J      A=shape,ok
    J_schema_retry   3  J      A=shape,shape,ok
    J_schema_dead    2  J      A=shape
    J_down_retry     4  J      A=503,503,503,ok;B=503
    J_dead           3  J      A=500;B=500
    J_filter         3  J      A=400;B=400
    J_dup            4  J      A=ok;D=
    J_crash          6  J      A=slow,ok
    J_422            4  J      -
    agent_ok        24  agent  A=ok
    agent_429        4  agent  A=429,ok
    agent_fallback   3  agent  A=500;B=ok
    agent_down_retry 2  agent  A=503,503,503,ok;B=503
    agent_404        2  agent  -
    ask_ok          46  ask    A=ok
    ask_429          6  ask    A=429,ok
    ask_5xx          5  ask    A=503,500,ok
    ask_hang         3  ask    A=hang,ok
    ask_fallback     5  ask    A=500;B=ok
    ask_reask        5  ask    A=shape,ok
    ask_bad          3  ask    A=shape
    ask_down         4  ask    A=503;B=500
    ask_timeout      3  ask    A=hang;B=hang
    ask_leave        4  ask    A=slow
    ask_404          3  ask    -
    ask_400          3  ask    -
    ask_401          3  ask    -
    S_ok            30  S      A=ok
    S_429            4  S      A=429,ok
    S_fallback       4  S      A=500;B=ok
    S_break          3  S      A=ok;X=1
    S_leave          5  S      A=ok;L=1
    S_down           2  S      A=500;B=500
    poll            28  poll   -
    poll_404         2  poll   -
    read            18  read   -
    read_404         3  read   -
    read_bug         3  read   -
    C               10  C      -
    O               14  O      -
    O_400            2  O      -
    O_bug            2  O      -
    O_read           8  Os     -
    scan             7  scan   -
""".strip().split("\n")]


def plan(seconds, names, dead=3):
    """(second, (name, route, fault)) of all requests, in a random order over the time, and in bursts; `dead`: jobs that no provider serves."""
    called = lambda text: "_".join(names.get(part, part) for part in text.split("_"))
    job, stream = names["J"], names["S"]
    out = [(0.2, (job + "_odd", job, "A=ok")), (0.3, (job + "_ok", job, "A=ok"))]
    crash = .42 * seconds
    for name, n, route, fault in SCENARIOS:
        name, route = called(name), called(route)
        n = dead if name == job + "_dead" else int(n)
        for _ in range(max(1, int(n * float(os.environ.get("SHARE", 1))))):
            at = random.uniform(.02, .97) * seconds
            if name == job + "_crash":
                at = crash + random.uniform(0, .3)
            elif name == job + "_dup":
                at = random.choice([random.uniform(.04, .3), random.uniform(.55, .8)]) * seconds
            elif "dead" in name or "retry" in name or name == job + "_filter":
                at = random.uniform(.02, .75) * seconds
            elif route in (job, "agent", "ask", stream) and random.random() < .4:
                at = random.choice([.17, .52, .78]) * seconds + random.uniform(0, 1.2)
            out.append((max(at, 2.5 if route != job else 0), (name, route, fault)))
    return out
