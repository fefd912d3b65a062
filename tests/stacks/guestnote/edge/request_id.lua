-- one id a request, for everything behind the edge
local c = lighty.c
local id = string.sub(string.lower(c.md("sha1", lighty.r.req_attr["request.remote-port"] .. ":" .. c.time() .. ":" .. c.rand() .. ":" .. c.rand())), 1, 20)
lighty.r.req_header["X-Request-ID"] = id
lighty.r.resp_header["X-Request-ID"] = id
