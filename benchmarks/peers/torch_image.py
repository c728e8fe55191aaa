"""The multi-scale Real NVP on 28 x 28 images, as coupling.RealNVPImage makes it."""
import math

import torch
from torch import nn
from torch.nn.functional import pixel_unshuffle, relu
from torch.nn.utils import weight_norm

COUPLINGS, HIDDEN, BLOCKS = 3, 32, 2


class Net(nn.Module):
    """A residual network of convolutions with normed weights."""

    def __init__(self, channels, out):
        super().__init__()
        conv = lambda i, o, k: weight_norm(nn.Conv2d(i, o, k, padding=k // 2))
        self.first = conv(channels, HIDDEN, 3)
        self.blocks = nn.ModuleList(nn.ModuleList([conv(HIDDEN, HIDDEN, 3), conv(HIDDEN, HIDDEN, 1)]) for _ in range(BLOCKS))
        self.last = conv(HIDDEN, out, 1)

    def forward(self, x):
        h = self.first(x)
        for a, b in self.blocks:
            h = h + b(relu(a(relu(h))))
        return self.last(relu(h))


class Coupling(nn.Module):
    """An affine coupling by a checkerboard or by halves of the channels, and a
    batch norm behind it."""

    def __init__(self, channels, side, kind, odd):
        super().__init__()
        if kind == "checkerboard":
            keep = ((torch.arange(side)[:, None] + torch.arange(side) + odd) % 2).float().expand(channels, -1, -1)
        else:
            keep = ((torch.arange(channels) < channels // 2) == odd).float()[:, None, None].expand(-1, side, side)
        self.register_buffer("keep", keep.contiguous())
        self.net = Net(channels, 2 * channels)
        self.factor = nn.Parameter(torch.ones(channels, side, side))
        self.g = nn.Parameter(torch.zeros(channels, 1, 1))
        self.b = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        s, t = self.net(x * self.keep).chunk(2, 1)
        move = 1 - self.keep
        s = self.factor * torch.tanh(s) * move
        x = x * torch.exp(s) + t * move
        var = x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5
        x = (x - x.mean((0, 2, 3), keepdim=True)) / var.sqrt() * torch.exp(self.g) + self.b
        return x, s.sum((1, 2, 3)) + x[0, 0].numel() * (self.g - 0.5 * torch.log(var)).sum()


class Image(nn.Module):
    def __init__(self):
        super().__init__()
        board = lambda c, side, n: nn.ModuleList(Coupling(c, side, "checkerboard", bool(i % 2)) for i in range(n))
        halves = lambda c, side: nn.ModuleList(Coupling(c, side, "channel", bool(i % 2)) for i in range(COUPLINGS))
        self.scales = nn.ModuleList(nn.ModuleList([board(c, side, COUPLINGS), halves(4 * c, side // 2)]) for c, side in ((1, 28), (2, 14)))
        self.last = board(4, 7, COUPLINGS + 1)

    def log_prob(self, x, _):
        p = 0.05 + 0.9 * torch.sigmoid(x.view(-1, 1, 28, 28))  # any rows will do for the clock
        x = torch.log(p) - torch.log1p(-p)
        total = -(torch.log(p) + torch.log1p(-p)).sum((1, 2, 3))
        done = []
        for board, halves in self.scales:
            x, total = self.through(board, x, total)
            x, total = self.through(halves, pixel_unshuffle(x, 2), total)
            z, x = x.chunk(2, 1)
            done.append(z)
        x, total = self.through(self.last, x, total)
        square = sum((z * z).sum((1, 2, 3)) for z in done + [x])
        return total - 0.5 * square - 392 * math.log(2 * math.pi)

    @staticmethod
    def through(layers, x, total):
        for layer in layers:
            x, d = layer(x)
            total = total + d
        return x, total
