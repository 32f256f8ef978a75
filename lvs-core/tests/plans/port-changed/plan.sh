# destinations
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.12:8080 -m -w 1
# deleted destinations
ipvsadm -d -t 172.16.5.11:80 -r 192.168.1.12:80
