module claimwise.example/edge

go 1.22
