# Writes conv.json: convolutions and transposed ones by PyTorch in float64,
# with the gradients of sum(y * dy). Run from this folder: python3 conv.py
import json
import torch

torch.manual_seed(20)
torch.set_default_dtype(torch.float64)
F = torch.nn.functional

cases = [
    # transposed, in, h, w, out, kernel, stride, padding, output padding, bias, relu
    (False, 1, 6, 6, 3, 3, 2, 1, (0, 0), False, True),
    (False, 3, 5, 7, 2, 3, 2, 1, (0, 0), True, False),
    (False, 2, 6, 5, 3, 3, 1, 1, (0, 0), True, True),
    (True, 3, 3, 3, 2, 3, 2, 1, (1, 1), False, True),
    (True, 3, 3, 2, 1, 3, 2, 1, (1, 1), True, False),
    (True, 2, 2, 3, 3, 5, 3, 2, (2, 0), True, True),
]


def flat(t):
    return None if t is None else t.detach().flatten().tolist()


out = []
for transposed, cin, h, w, cout, k, s, p, op, bias, relu in cases:
    n = 3
    x = torch.randn(n, cin, h, w, requires_grad=True)
    weight = torch.randn(*((cin, cout) if transposed else (cout, cin)), k, k, requires_grad=True)
    b = torch.randn(cout, requires_grad=True) if bias else None
    if transposed:
        y = F.conv_transpose2d(x, weight, b, stride=s, padding=p, output_padding=op)
    else:
        y = F.conv2d(x, weight, b, stride=s, padding=p)
    if relu:
        y = F.relu(y)
    dy = torch.randn_like(y)
    (y * dy).sum().backward()
    out.append(dict(
        Transposed=transposed, InChannels=cin, Height=h, Width=w, OutChannels=cout, Kernel=k, Stride=s,
        Padding=p, OutputPadding=list(op), ReLU=relu, N=n,
        W=flat(weight), B=flat(b), X=flat(x), Y=flat(y), DY=flat(dy),
        DX=flat(x.grad), DW=flat(weight.grad), DB=flat(b.grad) if bias else None,
    ))
with open("conv.json", "w") as f:
    json.dump(out, f, separators=(",", ":"))
    f.write("\n")
