import asyncio, json, os, random, secrets, sys, time
import aiohttp
from .side import emit
from .traffic import play, probe
SECONDS = float(sys.argv[1])
random.seed(int(os.environ.get("SEED", 71)))
#          name              n  route    fault
PLAN = [l.split() for l in """
    imp_ok                  44  recipes  A=ok
    imp_429                  8  recipes  A=429,ok
    imp_500                  5  recipes  A=500,503,ok
    imp_hang                 4  recipes  A=hang,ok
    imp_fallback             8  recipes  A=500;B=ok
    imp_reask                9  recipes  A=shape,ok
    imp_schema_task          5  recipes  A=prose,shape,ok
    imp_schema_dead          3  recipes  A=shape
    imp_down_task            5  recipes  A=503,503,503,ok;B=529
    imp_dead                 3  recipes  A=500;B=503
    imp_filter               3  recipes  A=400
    imp_dup                  5  recipes  D=dup
    imp_push                 7  recipes  W=ok
    imp_push_503             4  recipes  W=503,ok
    imp_push_dead            3  recipes  W=500
    imp_embed_429            5  recipes  E=429,ok
    imp_embed_dead           3  recipes  E=503
    imp_pantry_bug           3  recipes  I=bad
    imp_crash                9  recipes  A=slow
    imp_422                  4  recipes  A=ok
    imp_400                  3  recipes  A=ok
    imp_401                  4  recipes  A=ok
    plan_ok                 18  plans    A=ok
    plan_429                 5  plans    A=429,ok
    plan_fallback            5  plans    A=503
    plan_dead                2  plans    A=500;B=529
    sub_ok                  34  subs     A=ok
    sub_429                  8  subs     A=429,ok
    sub_500                  5  subs     A=500,ok
    sub_fallback             6  subs     A=503
    sub_hang                 3  subs     A=hang,ok
    sub_timeout              3  subs     A=hang;B=hang
    sub_down                 4  subs     A=500;B=500
    sub_refused              2  subs     A=400
    sub_leave                4  subs     A=slow
    cook_ok                 14  cook     A=ok
    cook_429                 4  cook     A=429,ok
    cook_down                3  cook     A=503
    cook_leave               6  cook     L=1
    cook_break               2  cook     X=1
    cook_422                 2  cook     A=ok
    list_ok                 12  lists    A=ok
    poll                    22  poll     A=ok
    plan_read                8  pread    A=ok
    read                    18  read     A=ok
    read_404                 5  read     A=ok
    read_bug                 4  read     A=ok
    route_404                4  nowhere  A=ok
    health                   8  health   A=ok
    scan                     8  scan     A=ok
""".strip().splitlines()]
recipes, jobs, plans, odd = [], [], [], []
USERS = [f"usr_{6100 + 13 * i}" for i in range(24)]
UA = ["LarderApp/4.2 iOS/19.1", "LarderApp/4.1 Android/16", "Mozilla/5.0 (Macintosh) Firefox/146.0", "larder-cli/0.9"]
BASE = "http://127.0.0.1:8800"
FOODS = "flour butter milk egg sugar rice lentils tomato onion basil buttermilk yeast salt olive_oil chickpeas tahini saffron".split()


async def one(s, leaver, name, route, fault):
    key, ua = secrets.token_hex(6), random.choice(UA)
    h = {"X-Lab-Key": key, "X-Lab-Fault": fault, "Host": "api.larder.example", "Authorization": "Bearer " + ("lk_test_1" if name == "imp_401" else "lk_live_88"), "User-Agent": ua, "Content-Type": "application/json"}
    if route not in ("health", "scan") and name != "imp_401":
        h["X-User"] = random.choice(USERS)
        if ua.startswith("LarderApp"):                          # the mobile apps are traced
            h["traceparent"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    method, body = "POST", None
    if route == "recipes":
        path, r = "/v1/recipes", {"title": "Odd" if name == "odd" else f"Grandma's No. {random.randint(1, 99)}", "source": "short" if name == "imp_422" else "Mix flour with butter and bake it. " * random.randint(2, 20), "servings": 0 if name == "odd" else 4}
        if name.startswith("imp_push"):
            r["push_to"] = random.choice(["kitchen-tv", "phone", "watch"])
        body = {"dish": r} if name == "imp_400" else {"recipe": r}
    elif route == "plans":
        path, body = "/v1/plans", {"plan": {"days": random.randint(2, 7), "diet": random.choice(["vegan", "any", "low-salt"])}}
    elif route == "subs":
        path, body = "/v1/substitutions", {"ingredient": random.choice(FOODS)}
    elif route == "cook":
        path, body = "/v1/cook-along", {"dish": 1} if name == "cook_422" else {"recipe": "lentil bake", "step": random.randint(1, 5)}
    elif route == "lists":
        path, body = "/v1/shopping_lists", {"items": random.sample(FOODS, random.randint(1, 4))}
    else:
        method = "GET"
        path = {"poll": lambda: "/v1/jobs/" + (random.choice(jobs[-20:]) if jobs else secrets.token_hex(12)),
                "pread": lambda: f"/v1/plans/{random.choice(plans[-10:]) if plans else 1}",
                "read": lambda: "/v1/recipes/" + str(99999 if name == "read_404" else odd[0] if name == "read_bug" and odd else random.choice(recipes[-20:] or [99998])),
                "nowhere": lambda: random.choice(["/v1/meals", "/v1/recipe/1", "/v1/me"]),
                "health": lambda: "/healthz", "scan": lambda: random.choice(["/wp-login.php", "/.env", "/.git/config", "/admin/"])}[route]()
        h.pop("Content-Type")
        if route == "scan":
            h["User-Agent"] = "Mozilla/5.0 zgrab/0.x"; h.pop("Authorization")
    status, aborted, broken, got = None, False, False, {}
    data = json.dumps(body) if body is not None else None
    if name == "imp_400" and random.random() < .5:
        data = data[:-3]                                        # not JSON at all

    async def go():
        async with (leaver if name.endswith("leave") else s).request(method, BASE + path, data=data, headers=h) as r:
            got["status"] = r.status
            got["raw"] = await r.read()
    t = time.time_ns()
    try:
        if name.endswith("leave"):
            await asyncio.wait_for(go(), random.uniform(.6, 1.3))
        else:
            await go()
        if got["status"] == 202:
            d = json.loads(got["raw"])
            if "recipe" in d:
                (odd if name == "odd" else recipes).append(d["recipe"])
                if name != "odd": jobs.append(d["job"])
            else:
                plans.append(d["plan"])
    except asyncio.TimeoutError:
        aborted = True
    except aiohttp.ClientError as e:
        broken = type(e).__name__
    emit("client", key=key, scenario="imp_ok" if name == "odd" else name, name=f"{method} {path}", start=t, end=time.time_ns(), status=got.get("status"), aborted=aborted, broken=broken)


async def probes(s):
    while True:
        await probe(s, "http://127.0.0.1:8810/healthz", "kube-probe/1.31")
        await asyncio.sleep(10)


async def main():
    plan = [(0.2, ("odd", "recipes", "A=ok"))]
    crash = .36 * SECONDS
    for name, n, *rest in PLAN:
        for _ in range(max(1, int(int(n) * float(os.environ.get("SHARE", 1))))):
            at = random.uniform(.02, .97) * SECONDS
            if name == "imp_crash":
                at = crash + random.uniform(0, .3)
            elif "dead" in name or name in ("imp_filter", "imp_pantry_bug"):
                at = random.uniform(.02, .8) * SECONDS
            elif rest[0] in ("recipes", "subs", "plans", "cook") and random.random() < .33:
                at = random.choice([.16, .47, .74]) * SECONDS + random.uniform(0, 1.5)
            plan.append((at, (name, *rest)))
    await play(plan, one, probes, "imp_crash", 1.2)
asyncio.run(main())
