module hireline/gateway

go 1.21
