"""Report templates, PDF, charts and signatures."""
