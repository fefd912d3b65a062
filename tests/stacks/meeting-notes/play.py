#!/usr/bin/env python3
"""Starts the whole stack on loopback ports, plays the load and the crash, stops everything.

    play.py BUILD OUT [--length SECONDS] [--seed N]

BUILD holds bin/ (the Go services) and rust/debug/writer; the logs go to OUT/logs, the side channel to BUILD/run/truth.
"""
import argparse, json, os, shutil, signal, socket, subprocess, time

ap = argparse.ArgumentParser()
ap.add_argument("build"), ap.add_argument("out")
ap.add_argument("--length", type=int, default=100)
ap.add_argument("--seed", type=int, default=1)
o = ap.parse_args()
build, out = os.path.abspath(o.build), os.path.abspath(o.out)
run = os.path.join(build, "run")
broker = "/tmp/notes-broker"                # a short path, as the broker prints it
shutil.rmtree(run, ignore_errors=True)
shutil.rmtree(broker, ignore_errors=True)
shutil.rmtree(os.path.join(out, "logs"), ignore_errors=True)
for d in (run + "/truth", broker + "/home", out + "/logs"):
    os.makedirs(d)

PORT = {"gateway": 7401, "billing": 7402, "ai": 7403, "north": 7404, "south": 7405, "tracker": 7406, "amqp": 5679, "dist": 25679, "epmd": 4379}
at = lambda name: f"127.0.0.1:{PORT[name]}"
env = dict(os.environ, TRUTH_DIR=run + "/truth", LOG_DIR=out + "/logs", DB_PATH=run + "/app.db", AMQP_URL=f"amqp://guest:guest@{at('amqp')}/%2f",
           GATEWAY_ADDR=at("gateway"), BILLING_ADDR=at("billing"), AI_ADDR=at("ai"), NORTH_ADDR=at("north"), SOUTH_ADDR=at("south"), TRACKER_ADDR=at("tracker"),
           AI_URL="http://" + at("ai"), NORTH_URL="http://" + at("north"), SOUTH_URL="http://" + at("south"), TRACKER_URL="http://" + at("tracker"),
           PROMPT_SUMMARY="summary@7", GOMAXPROCS="2")
rabbit = dict(os.environ, HOME=broker + "/home", RABBITMQ_NODENAME="notes@localhost", RABBITMQ_NODE_IP_ADDRESS="127.0.0.1", RABBITMQ_NODE_PORT=str(PORT["amqp"]),
              RABBITMQ_DIST_PORT=str(PORT["dist"]), ERL_EPMD_PORT=str(PORT["epmd"]), ERL_EPMD_ADDRESS="127.0.0.1", RABBITMQ_MNESIA_BASE=broker,
              RABBITMQ_LOG_BASE=broker, RABBITMQ_LOGS=broker + "/rabbit.log", RABBITMQ_ENABLED_PLUGINS_FILE=broker + "/plugins",
              RABBITMQ_PID_FILE=broker + "/pid", RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 1:1 +sbwt none")
open(broker + "/plugins", "w").write("[].\n")

procs = {}


def start(name, path, e=env):
    err = open(f"{run}/{name}.err", "ab")
    procs[name] = subprocess.Popen([path], env=e, stdout=err, stderr=err, start_new_session=True, preexec_fn=lambda: os.nice(10))
    return procs[name]


def wait_port(port, limit=60):
    for _ in range(limit * 10):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(.1)
    raise SystemExit(f"nothing listens on {port}")


def quiet(seconds=6):
    """No operation began or ended lately; the heartbeats of the services do not count."""
    last = 0
    for f in os.listdir(run + "/truth"):
        with open(os.path.join(run, "truth", f)) as lines:
            for line in lines:
                r = json.loads(line)
                if r["t"] in ("begin", "end"):
                    last = max(last, r["at"])
    return time.time_ns() - last > seconds * 1e9


try:
    start("rabbit", "/usr/lib/rabbitmq/bin/rabbitmq-server", rabbit)
    wait_port(PORT["amqp"])
    time.sleep(1)
    start("standin", build + "/bin/standin")
    start("aigateway", build + "/bin/aigateway")
    start("billing", build + "/bin/billing")
    start("gateway", build + "/bin/gateway")
    for p in ("gateway", "billing", "ai", "tracker"):
        wait_port(PORT[p])
    start("writer", build + "/rust/debug/writer")
    start("embedder", build + "/bin/embedder")
    orchestrator = start("orchestrator", build + "/bin/orchestrator")
    time.sleep(2)
    t0, crash = time.time(), o.length / 2
    err = open(run + "/load.err", "wb")
    load = subprocess.Popen([build + "/bin/load", "-length", f"{o.length}s", "-crash", f"{crash}s", "-seed", str(o.seed)], env=env, stderr=err, preexec_fn=lambda: os.nice(10))
    procs["load"] = load
    time.sleep(max(0, t0 + crash - time.time()))
    before = time.time_ns()
    orchestrator.kill()
    orchestrator.wait()
    with open(run + "/truth/play.jsonl", "w") as f:
        f.write(json.dumps({"t": "crash", "pid": orchestrator.pid, "service": "orchestrator", "at": before, "reaped": time.time_ns()}) + "\n")
    time.sleep(1.5)
    start("orchestrator", build + "/bin/orchestrator", dict(env, PROMPT_SUMMARY="summary@8"))
    load.wait()
    for _ in range(30):                     # redeliveries are still on their way
        time.sleep(1)
        if quiet():
            break
finally:
    for name in ("orchestrator", "embedder", "writer", "gateway", "billing", "aigateway", "standin", "load", "rabbit"):
        p = procs.get(name)
        if p and p.poll() is None:
            p.send_signal(signal.SIGTERM)
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
    subprocess.run(["epmd", "-port", str(PORT["epmd"]), "-kill"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
shutil.copy(broker + "/rabbit.log", out + "/logs/rabbit.log")
shutil.rmtree(broker, ignore_errors=True)
