"""Chaos: whole sessions with seeded faults and SIGKILLs, judged by what the exchange says happened.

``manage.py chaos`` (``run``) keeps job processes. A job (``job``) is the simulated exchange behind Delta's protocol
(``stage``) and drives one seed after the other (``plan``, ``driver``). Workers are processes of their own, forked from
a template that has everything imported (``zygote``): each runs the real engine, store and Delta client (``worker``) and
kills itself where its plan says (``kill``). ``judge`` compares ledger and exchange, ``scorecard`` adds up.
"""
