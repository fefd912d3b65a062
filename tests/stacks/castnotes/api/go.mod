module castnotes/api

go 1.21

require (
	github.com/go-chi/chi/v5 v5.0.7
	github.com/gomodule/redigo v1.8.3
	github.com/lib/pq v1.10.7
	github.com/rs/xid v1.4.0
	github.com/rs/zerolog v1.26.1
)
