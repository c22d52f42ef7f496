"""What a worker of the fleet is made of: its settings, its ports, and the one place where they meet."""
