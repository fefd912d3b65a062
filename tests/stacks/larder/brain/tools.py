import httpx

http = httpx.AsyncClient(base_url="http://127.0.0.1:8830", timeout=3)


async def nutrition_lookup(name, headers):
    r = await http.get(f"/foods/{name}", headers=headers)
    return r.json() if r.status_code == 200 else {"error": r.status_code}
SPEC = [{"type": "function", "function": {"name": "nutrition_lookup", "description": "Facts about a food", "parameters": {"type": "object", "properties": {"name": {"type": "string"}}}}}]
