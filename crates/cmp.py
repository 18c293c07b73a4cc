import torch
from transformers import *
tok=AutoTokenizer.from_pretrained('gpt2t'); m=GPT2LMHeadModel.from_pretrained('gpt2t').eval()
for p in ["Hello world, this is","The cat\nsat on","Ünïcode ☃ here"]:
    i=tok(p,return_tensors='pt'); o=m.generate(**i, pad_token_id=50256); print(repr(tok.decode(o[0],skip_special_tokens=True)))
