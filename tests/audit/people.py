from __future__ import annotations

from apps.audit.states import Actor, Ref, system

ADA = Actor(type="person", id="7", name="Ada Example")
GRACE = Actor(type="person", id="8", name="Grace Example")
RELAY = system("relay")
MODEL = Ref(type="model", id="credit-pd", name="Probability of default")
