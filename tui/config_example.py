"""The commented configuration file that `ortui config init` writes."""

from __future__ import annotations

from typing import Final

EXAMPLE: Final = """\
# Configuration of ortui. Everything here may be left out; `ortui config check` says what is wrong, with line and field.
# ${VARIABLE} and ${VARIABLE:-default} are replaced inside values; write $${ for a plain ${.

llm_providers:
  - id: "openrouter"
    type: "openrouter"              # or "openai": any OpenAI-compatible server (then base_url is needed)
    # Several keys may be listed. Keep them out of this file: in the environment, or in the system's keyring with
    # `ortui keys set NAME` and "keyring:NAME" here.
    api_keys: ["${OPENROUTER_API_KEY}"]
    # base_url: "https://openrouter.ai/api/v1"
    # model: "anthropic/claude-3.5-sonnet"        # what new conversations talk to
    # pricing:                                    # USD per 1,000 tokens of this model, where the catalogue has no price
    #   input_token_cost: 0.003
    #   output_token_cost: 0.015
    # limits:                                     # of each key; absent or 0: none
    #   req_per_min: 100
    #   tokens_per_min: 10000
    #   max_tokens: 4096                          # no request asks for more
    # management_key: "${OPENROUTER_MANAGEMENT_KEY:-}"   # shows credits and activity of the account

  # A server of your own; `--provider local` or the palette switches to it.
  # - id: "local"
  #   type: "openai"
  #   base_url: "http://127.0.0.1:8080/v1"
  #   api_keys: ["${LOCAL_API_KEY:-none}"]
  #   model: "my-model"

# USD. A session is one run of ortui; days and months are UTC. action: warn, ask or block. Absent: no budget.
# budget: {session: 1.00, day: 5.00, month: 50.00, request: 0.50, action: ask}

ui:
  theme: textual-dark
  enter_sends: true                 # false: enter breaks the line and ctrl+j sends
  animations: true
  notify: true                      # tell when a reply is finished and the terminal is not in focus

# A title_model names each new conversation and is paid for it; null leaves that to their first words.
# chat: {system: "", temperature: null, top_p: null, max_tokens: null, stop: [], user: null, title_model: null}
# embeddings: {model: null, dimensions: null, user: null}

allow_http: false                   # true: http:// (not encrypted) also to other machines than this one
keymap: {}                          # binding id: keys, as `ortui config keys` lists them
"""
