"""An agent as its framework wants it written (Pydantic AI). It knows nothing of sessions: `adapter.py` puts it into one."""
import os

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

model = OpenAIChatModel(os.environ.get("MODEL", "default"), provider=OpenAIProvider(
    base_url=os.environ.get("MODEL_URL", "http://127.0.0.1:11434/v1"), api_key=os.environ.get("MODEL_KEY", "none")))

agent = Agent(model, instructions="You book trains. Look for one first, then buy the ticket, then say in one sentence what you bought.")


@agent.tool_plain
def find_trains(start: str, end: str) -> list[dict]:
    """The trains between two towns, with their prices in euros."""
    return [{"train": "ICE 75", "from": start, "to": end, "price": 89}, {"train": "IC 2371", "from": start, "to": end, "price": 49}]


@agent.tool_plain(requires_approval=True)
def buy_ticket(train: str, price: int) -> str:
    """Buys a ticket. It cannot be given back."""
    return f"Ticket for {train} bought for {price} euros, number T-{abs(hash(train)) % 10_000:04}."
