"""Root cause from traces: arithmetic from a fault-free window and a faulty one to one ranking with its evidence."""
