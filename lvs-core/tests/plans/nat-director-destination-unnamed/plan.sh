# deleted destinations
ipvsadm -d -t 172.16.5.11:80 -r 192.168.1.99:80
