# timeouts
ipvsadm --set 7200 120 60
