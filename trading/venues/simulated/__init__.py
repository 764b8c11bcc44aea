"""The simulated exchange: a seeded market, a matching book and an account that outlives the process
(``docs/architecture.md``).
"""
