threads 16, 16
bind "tcp://127.0.0.1:8810"
environment "production"
