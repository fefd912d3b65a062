vcl 4.1;

backend api { .host = "127.0.0.1"; .port = "9210"; .connect_timeout = 2s; .first_byte_timeout = 25s; .between_bytes_timeout = 15s; }
backend feedback { .host = "127.0.0.1"; .port = "9215"; .connect_timeout = 2s; .first_byte_timeout = 10s; }

sub vcl_recv {
    unset req.http.X-Request-Id;
    if (req.http.host ~ "^feedback\.") {
        set req.backend_hint = feedback;
    } else {
        set req.backend_hint = api;
    }
    if (req.url == "/edge-health") {
        return (synth(200, "OK"));
    }
    if (req.url ~ "(?i)\.(php|env|git)") {
        return (synth(403, "Forbidden"));
    }
    return (pass);
}

sub vcl_deliver {
    unset resp.http.Via;
    unset resp.http.X-Varnish;
}
