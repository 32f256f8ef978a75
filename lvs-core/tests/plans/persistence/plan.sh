# services
ipvsadm -E -t 172.16.5.12:443 -s wlc -p 300 -M 255.255.255.0
