module tarifio.example/lb

go 1.22
