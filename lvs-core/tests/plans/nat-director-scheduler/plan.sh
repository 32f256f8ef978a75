# services
ipvsadm -E -t 172.16.5.11:80 -s rr
