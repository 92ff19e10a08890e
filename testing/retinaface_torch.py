"""RetinaFace in torch, to compare models/retinaface.py with torch on the same weights. Needs torch to import.

The modules have the names of the published tensors, so `load_state_dict` checks that every tensor is used.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class RetinaFace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleDict(
            {
                "stage1": nn.Sequential(
                    convolution(3, 8, stride=2),
                    separable(8, 16),
                    separable(16, 32, stride=2),
                    separable(32, 32),
                    separable(32, 64, stride=2),
                    separable(64, 64),
                ),
                "stage2": nn.Sequential(separable(64, 128, stride=2), *(separable(128, 128) for _ in range(5))),
                "stage3": nn.Sequential(separable(128, 256, stride=2), separable(256, 256)),
            }
        )
        self.fpn = nn.ModuleDict(
            {
                "output1": convolution(64, 64, size=1),
                "output2": convolution(128, 64, size=1),
                "output3": convolution(256, 64, size=1),
                "merge1": convolution(64, 64),
                "merge2": convolution(64, 64),
            }
        )
        self.ssh1, self.ssh2, self.ssh3 = context(), context(), context()
        self.ClassHead, self.BboxHead, self.LandmarkHead = heads(2), heads(4), heads(10)

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return scores (A,), boxes (A, 4), landmarks (A, 10) of one photo, uint8 RGB (H, W, 3)."""
        bgr = photo.flip(2).float() - torch.tensor([104.0, 117.0, 123.0])
        stage1 = self.body["stage1"](bgr.permute(2, 0, 1)[None])
        stage2 = self.body["stage2"](stage1)
        stage3 = self.body["stage3"](stage2)

        coarse = self.fpn["output3"](stage3)
        middle = self.fpn["output2"](stage2)
        middle = self.fpn["merge2"](middle + functional.interpolate(coarse, size=middle.shape[2:], mode="nearest"))
        fine = self.fpn["output1"](stage1)
        fine = self.fpn["merge1"](fine + functional.interpolate(middle, size=fine.shape[2:], mode="nearest"))

        features = [
            context_features(self.ssh1, fine),
            context_features(self.ssh2, middle),
            context_features(self.ssh3, coarse),
        ]
        scores = functional.softmax(rows(self.ClassHead, features, 2), dim=1)[:, 1]
        return scores, rows(self.BboxHead, features, 4), rows(self.LandmarkHead, features, 10)


def convolution(depth: int, channels: int, *, size: int = 3, stride: int = 1, slope: float | None = 0.1) -> nn.Module:
    parts = [nn.Conv2d(depth, channels, size, stride, padding=size // 2, bias=False), nn.BatchNorm2d(channels)]
    return nn.Sequential(*parts, *([] if slope is None else [nn.LeakyReLU(slope)]))


def separable(depth: int, channels: int, *, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(depth, depth, 3, stride, padding=1, groups=depth, bias=False),
        nn.BatchNorm2d(depth),
        nn.LeakyReLU(0.1),
        nn.Conv2d(depth, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.LeakyReLU(0.1),
    )


def context() -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "conv3X3": convolution(64, 32, slope=None),
            "conv5X5_1": convolution(64, 16),
            "conv5X5_2": convolution(16, 16, slope=None),
            "conv7X7_2": convolution(16, 16),
            "conv7x7_3": convolution(16, 16, slope=None),
        }
    )


def context_features(ssh: nn.ModuleDict, x: Tensor) -> Tensor:
    five = ssh["conv5X5_1"](x)
    seven = ssh["conv7X7_2"](five)
    return functional.relu(torch.cat([ssh["conv3X3"](x), ssh["conv5X5_2"](five), ssh["conv7x7_3"](seven)], dim=1))


def heads(values: int) -> nn.ModuleList:
    return nn.ModuleList(nn.ModuleDict({"conv1x1": nn.Conv2d(64, 2 * values, 1)}) for _ in range(3))


def rows(modules: nn.ModuleList, features: list[Tensor], values: int) -> Tensor:
    maps = [head["conv1x1"](x) for head, x in zip(modules, features, strict=True)]
    return torch.cat([x.permute(0, 2, 3, 1).reshape(-1, values) for x in maps])
