"""What every request passes, whatever it asks: connections, hosts, uploads, documents, metrics."""
