"""The original demo's classes, as far as their state_dict and evaluation go:
what interop/torch reads and writes.

A Real NVP of couplings that keep where a mask is 1, each with a permutation
and a batch norm after it, and a convolutional autoencoder. Names, shapes,
which layers have a bias, and what each number is used for follow the published
classes (LinearRNVP and AutoEncoder), as do defaults unless said otherwise.
"""
import torch
from torch import nn


class Coupling(nn.Module):
    def __init__(self, dim, context, hidden, mask, single):
        super().__init__()
        self.register_buffer("mask", mask)
        self.single = single
        self.s = self.network(dim + context, hidden, 2 * dim if single else dim)
        if not single:
            self.t = self.network(dim + context, hidden, dim)

    @staticmethod
    def network(width, hidden, out):
        # The hidden sizes wrap: [200] makes in -> 200 -> 200 -> out.
        layers = [nn.Linear(width, hidden[0]), nn.ReLU()]
        for i in range(len(hidden)):
            layers += [nn.Linear(hidden[i - 1], hidden[i]), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(hidden[-1], out))

    def parameters_of(self, x, context):
        x = x * self.mask
        if context is not None:
            x = torch.cat([context, x], 1)
        s, t = self.s(x).chunk(2, 1) if self.single else (self.s(x), self.t(x))
        return torch.tanh(s) * (1 - self.mask), t * (1 - self.mask)

    def forward(self, x, context):
        s, t = self.parameters_of(x, context)
        return self.mask * x + (1 - self.mask) * (x * torch.exp(s) + t), s.sum(1)

    def inverse(self, z, context):
        s, t = self.parameters_of(z, context)
        return self.mask * z + (1 - self.mask) * (z - t) * torch.exp(-s)


class Permutation(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.register_buffer("p", torch.randperm(dim))
        self.register_buffer("invp", torch.argsort(self.p))

    def forward(self, x, context):
        return x[:, self.p], 0.0

    def inverse(self, z, context):
        return z[:, self.invp]


class BatchNorm(nn.Module):
    EPS = 1e-5

    def __init__(self, dim):
        super().__init__()
        self.log_gamma, self.beta = nn.Parameter(torch.zeros(dim)), nn.Parameter(torch.zeros(dim))
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_var", torch.ones(dim))

    def forward(self, x, context):
        var = self.running_var + self.EPS
        z = torch.exp(self.log_gamma) * (x - self.running_mean) / torch.sqrt(var) + self.beta
        return z, (self.log_gamma - 0.5 * torch.log(var)).sum()

    def inverse(self, z, context):
        var = self.running_var + self.EPS
        return (z - self.beta) * torch.exp(-self.log_gamma) * torch.sqrt(var) + self.running_mean


class RealNVP(nn.Module):
    def __init__(self, dim, context=0, layers=3, hidden=(100,), single=True):
        """single is single_function, False by default in the class and True
        where the demo uses it."""
        super().__init__()
        mask = torch.arange(dim) % 2
        self.flows = nn.ModuleList()
        for _ in range(layers):
            self.flows += [Coupling(dim, context, list(hidden), mask.to(torch.get_default_dtype()), single),
                           Permutation(dim), BatchNorm(dim)]
        self.register_buffer("prior_mean", torch.zeros(dim))
        self.register_buffer("prior_var", torch.ones(dim))

    def forward(self, x, context=None):
        log_det = torch.zeros(len(x), dtype=x.dtype)
        for flow in self.flows:
            x, step = flow(x, context)
            log_det = log_det + step
        return x, log_det

    def inverse(self, z, context=None):
        for flow in reversed(self.flows):
            z = flow.inverse(z, context)
        return z

    def log_prob(self, x, context=None):
        # Normal's second argument is a deviation, whatever the buffer's name.
        z, log_det = self(x, context)
        return log_det + torch.distributions.Normal(self.prior_mean, self.prior_var).log_prob(z).sum(1)


class Autoencoder(nn.Module):
    def __init__(self, side=28, channels=(32, 64), embedding=20, encoder_bias=False, decoder_bias=True):
        super().__init__()
        a, b = channels
        self.small = (b, side // 4, side // 4)
        features = b * (side // 4) ** 2
        self.conv1 = nn.Conv2d(1, a, 3, stride=2, padding=1, bias=encoder_bias)
        self.conv2 = nn.Conv2d(a, b, 3, stride=2, padding=1, bias=encoder_bias)
        self.linear1 = nn.Linear(features, embedding)
        self.linear2 = nn.Linear(embedding, features)
        self.convt1 = nn.ConvTranspose2d(b, a, 3, stride=2, padding=1, output_padding=1, bias=decoder_bias)
        self.convt2 = nn.ConvTranspose2d(a, 1, 3, stride=2, padding=1, output_padding=1, bias=decoder_bias)

    def encode(self, x):
        return self.linear1(torch.relu(self.conv2(torch.relu(self.conv1(x)))).flatten(1))

    def decode(self, z):
        x = torch.relu(self.linear2(z)).view(-1, *self.small)
        return torch.sigmoid(self.convt2(torch.relu(self.convt1(x))))
