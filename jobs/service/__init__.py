"""The worker as a service of the machine: started without anybody who logs in or types, and kept when they log out."""
