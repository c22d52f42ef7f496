"""The dashboard's process: the page and its server, put together with the ways out that it may use."""
