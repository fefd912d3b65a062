"""Bookings of the recording rooms. CherryPy, structlog."""
import sys
import time

import cherrypy
import structlog

structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True),
                                structlog.processors.format_exc_info, structlog.processors.JSONRenderer()], logger_factory=structlog.PrintLoggerFactory())
log = structlog.get_logger()
bookings = {}


def begin():
    r = cherrypy.request
    r.began = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    if r.path_info != "/ping":
        structlog.contextvars.bind_contextvars(request_id=r.headers.get("X-Request-Id"))


def end():
    r = cherrypy.request
    if r.path_info != "/ping":
        status = cherrypy.response.status
        status = int((status.decode() if isinstance(status, bytes) else str(status)).split()[0])
        log.info("http_request", method=r.method, path=r.path_info, status=status, duration_s=round(time.perf_counter() - r.began, 4))


def crashed():
    log.exception("unhandled_exception")
    cherrypy.response.status, cherrypy.response.body = 500, [b'{"error": "internal"}']


cherrypy.tools.begin = cherrypy.Tool("on_start_resource", begin, priority=5)
cherrypy.tools.end = cherrypy.Tool("on_end_request", end, priority=90)


class Rooms:
    @cherrypy.expose
    def ping(self):
        return "pong"

    @cherrypy.expose
    @cherrypy.tools.json_in(force=False)
    @cherrypy.tools.json_out()
    def rooms(self, room, what):
        if cherrypy.request.method == "GET":
            if room not in bookings:
                raise cherrypy.HTTPError(404, "no bookings")
            return bookings[room]
        d = cherrypy.request.json
        if not isinstance(d.get("name"), str):
            raise cherrypy.HTTPError(400, "name?")
        hours = d["hours"]
        time.sleep(.005)
        bookings.setdefault(room, []).append([d["name"], hours])
        log.info("room_booked", room=room, hours=hours)
        cherrypy.response.status = 201
        return {"booking": len(bookings[room])}


def application():
    cherrypy.config.update({"environment": "production", "log.screen": False, "log.access_file": "", "log.error_file": ""})
    return cherrypy.Application(Rooms(), "", {"/": {"tools.begin.on": True, "tools.end.on": True, "request.error_response": crashed}})


def main(wsgi=None):
    from waitress import serve
    serve(wsgi or application(), host="127.0.0.1", port=9715, threads=4)


if __name__ == "__main__":
    main()
