"""user-service: who the customers are and how much risk they carry."""
