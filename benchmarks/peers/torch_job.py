"""The main job of mnist/latentflow in PyTorch."""
import gzip
import os
import time

import torch
from torch import nn

from peer import B, C
from torch_peer import Flow, adam, autoencoder


def mnist():
    """The 60,000 training images, from the files that package mnist embeds."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../mnist/data")
    names = os.listdir(folder)

    def read(kind, skip):
        name = next(n for n in names if n.startswith("train-" + kind))
        with gzip.open(os.path.join(folder, name)) as f:
            return torch.frombuffer(bytearray(f.read()[skip:]), dtype=torch.uint8)

    return read("images", 16).view(-1, 1, 28, 28).float() / 255, read("labels", 8).long()


def torch_job():
    """A tenth of the main job in PyTorch, one thread: one epoch of the
    autoencoder, the embeddings, two epochs of the flow. Returns ten times its
    seconds."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    x, y = mnist()
    start = time.perf_counter()
    m, loss = autoencoder(), nn.BCEWithLogitsLoss()
    opt = torch.optim.Adam(m.parameters(), 1e-3, weight_decay=1e-5)
    for i in range(0, len(x), B):
        opt.zero_grad()
        loss(m(x[i:i + B]), x[i:i + B]).backward()
        opt.step()
    with torch.no_grad():
        z = torch.cat([m[:6](x[i:i + 1000]) for i in range(0, len(x), 1000)])
    f, c = Flow(), nn.functional.one_hot(y, C).float()
    opt = adam(f)
    for _ in range(2):
        for i in range(0, len(z), B):
            opt.zero_grad()
            (-f.log_prob(z[i:i + B], c[i:i + B]).mean()).backward()
            opt.step()
    return 10 * (time.perf_counter() - start)
