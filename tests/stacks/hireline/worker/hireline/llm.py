import os
import openai


class GatewayDown(Exception):
    pass


class InvalidAnswer(Exception):
    pass


gateway = openai.OpenAI(base_url=os.environ["GATEWAY_URL"], api_key="internal", max_retries=0, timeout=25)
direct = openai.OpenAI(base_url=os.environ["EMBED_URL"], api_key=os.environ.get("OPENAI_API_KEY", "sk-x"), max_retries=2, timeout=2)


def chat(messages, headers=None, **kw):
    try:
        return gateway.chat.completions.create(messages=messages, extra_headers=headers or {}, **kw)
    except openai.APIStatusError as e:
        if e.status_code >= 500:
            raise GatewayDown(f"gateway answered {e.status_code}") from None
        raise
    except openai.APIConnectionError as e:
        raise GatewayDown(str(e)) from None


def embed(text):
    return direct.embeddings.create(model="text-embedding-3-small", input=text)
