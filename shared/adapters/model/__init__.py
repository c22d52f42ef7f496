"""A language model behind any OpenAI-compatible endpoint: asked in a process that knows nothing else, within budgets.

`adviser` is what Brain is given. It keeps the books (`spend`), leaves a failing endpoint alone (`breaker`), and talks
over two pipes (`wire`) to one child (`process`, `child`), where the openai SDK is loaded (`client`). `embedding` asks
such an endpoint for vectors, in the process that needs them.
"""
