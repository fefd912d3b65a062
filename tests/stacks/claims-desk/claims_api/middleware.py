import structlog
from django.http import JsonResponse


def auth(get_response):
    def middleware(request):
        if request.path != "/healthz":
            token = request.headers.get("Authorization", "")
            if not token.startswith("Bearer adj-"):
                structlog.get_logger("claims.auth").warning("unauthorized", reason="missing or unknown token")
                return JsonResponse({"error": "unauthorized"}, status=401)
            structlog.contextvars.bind_contextvars(adjuster=token[7:14])
        return get_response(request)
    return middleware
