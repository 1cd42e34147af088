module concurrency

go 1.26
