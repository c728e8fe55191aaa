# Writes conv.json: small convolutional autoencoders by PyTorch in float64,
# with embeddings, logits, the loss and the gradient of every parameter. Run
# from this folder: python3 conv.py
import json
import torch

torch.manual_seed(21)
torch.set_default_dtype(torch.float64)
nn = torch.nn


def flat(t):
    return t.detach().flatten().tolist()


out = []
for cin, h, w, channels, embedding, bias in [(1, 8, 8, (3, 4), 2, False), (2, 7, 6, (5, 3), 3, True), (1, 5, 5, (4,), 2, False)]:
    sizes = [(cin, h, w)]
    encoder, decoder = [], []
    for c in channels:
        i = sizes[-1]
        encoder += [nn.Conv2d(i[0], c, 3, 2, 1, bias=bias), nn.ReLU()]
        sizes.append((c, (i[1] + 1) // 2, (i[2] + 1) // 2))
    last = sizes[-1]
    d = last[0] * last[1] * last[2]
    encoder += [nn.Flatten(), nn.Linear(d, embedding)]
    decoder += [nn.Linear(embedding, d), nn.ReLU(), nn.Unflatten(1, last)]
    for i in range(len(channels), 0, -1):
        a, b = sizes[i], sizes[i - 1]
        decoder.append(nn.ConvTranspose2d(a[0], b[0], 3, 2, 1, (1 - b[1] % 2, 1 - b[2] % 2), bias=bias))
        if i > 1:
            decoder.append(nn.ReLU())
    encoder, decoder = nn.Sequential(*encoder), nn.Sequential(*decoder)
    x = torch.rand(5, cin, h, w)
    z = encoder(x)
    logits = decoder(z)
    loss = nn.BCEWithLogitsLoss()(logits, x)
    loss.backward()
    params = list(encoder.parameters()) + list(decoder.parameters())
    out.append(dict(
        InChannels=cin, Height=h, Width=w, Channels=list(channels), Embedding=embedding, Bias=bias, N=5,
        X=flat(x), Z=flat(z), Y=flat(torch.sigmoid(logits)), Loss=loss.item(),
        Params=[dict(Shape=list(p.shape), Data=flat(p), Grad=flat(p.grad)) for p in params],
    ))
with open("conv.json", "w") as f:
    json.dump(out, f, separators=(",", ":"))
    f.write("\n")
