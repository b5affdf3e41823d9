#!/usr/bin/env python3
"""The results in the examples of ops/train, computed with NumPy in float64 from Keras' formulas."""
import numpy as np

g = np.array([0.5, -1, 0, 0.125, -3])
w = np.array([1, -0.5, 0.25, 2, 0.75])
a = np.array([0.1, 0.2, -0.3, 0.4, 0.5])  # a slot that has a sign
b = np.array([0.3, 0.7, 0.4, 0.25, 2.0])  # one that has none
lr = 0.1


def show(name, *variables):
    print(name)
    for before, after in variables:
        print("   ", ", ".join("%.16g" % x for x in np.atleast_1d(after)))


show("sgd", (w, w - lr * g))
show("sgd with decay 0.5", (w, w - w * 0.5 * lr - lr * g))
m = 0.9 * a - lr * g
show("momentum", (w, w + m), (a, m))
show("nesterov", (w, w + 0.9 * m - lr * g), (a, m))

t = 3  # iteration 2
m = a + (g - a) * (1 - 0.9)
v = b + (g * g - b) * (1 - 0.999)
alpha = lr * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
show("adam", (w, w - m * alpha / (np.sqrt(v) + 1e-7)), (a, m), (b, v))
vhat = np.maximum(w * w, v)
show("amsgrad", (w, w - m * alpha / (np.sqrt(vhat) + 1e-7)), (a, m), (b, v), (w * w, vhat))
u = np.maximum(0.999 * b, np.abs(g))
show("adamax", (w, w - lr * m / ((1 - 0.9**t) * (u + 1e-7))), (a, m), (b, u))

u_t = 0.9 * (1 - 0.5 * 0.96**t)
u_next = 0.9 * (1 - 0.5 * 0.96 ** (t + 1))
product = 0.2 * u_t
m_hat = u_next * m / (1 - product * u_next) + (1 - u_t) * g / (1 - product)
v_hat = v / (1 - 0.999**t)
show("nadam", (w, w - m_hat * lr / (np.sqrt(v_hat) + 1e-7)), (a, m), (b, v), (0.2, product))

show("lion", (w, w - lr * np.sign(a * 0.9 + g * (1 - 0.9))), (a, a * 0.99 + g * (1 - 0.99)))

v = 0.9 * b + (1 - 0.9) * g * g
step = lr * g / np.sqrt(v + 1e-7)
show("rmsprop", (w, w - step), (b, v))
mean = 0.9 * a + (1 - 0.9) * g
centered = lr * g / np.sqrt(v - mean**2 + 1e-7)
show("centered", (w, w - centered), (b, v), (a, mean))
m = 0.8 * a + step
show("rmsprop momentum", (w, w - m), (b, v), (a, m))
m = 0.8 * w + centered
show("centered momentum", (w, w - m), (b, v), (a, mean), (w, m))

s = b + g * g
show("adagrad", (w, w - lr * g / np.sqrt(s + 1e-7)), (b, s))

s = 0.95 * b + 0.05 * g * g
d = g * np.sqrt(np.abs(a) + 1e-7) / np.sqrt(s + 1e-7)
show("adadelta", (w, w - lr * d), (b, s), (np.abs(a), 0.95 * np.abs(a) + 0.05 * d * d))


def ftrl(power, l1, l2, shrinkage, beta):
    l2b = l2 + beta / (2 * lr)
    shrunk = g + 2 * shrinkage * w
    s = b + g * g
    linear = a + shrunk - (s**-power - b**-power) / lr * w
    quadratic = s**-power / lr + 2 * l2b
    return (w, (np.clip(linear, -l1, l1) - linear) / quadratic), (b, s), (a, linear)


show("ftrl", *ftrl(-0.5, 0, 0, 0, 0))
show("ftrl with penalties", *ftrl(-0.5, 0.25, 0.5, 0.125, 0.2))

t = 3
m, v = a + (g - a) * (1 - 0.9), b + (g * g - b) * (1 - 0.999)
u = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
show("lamb", (w, w - lr * np.linalg.norm(w) / np.linalg.norm(u) * u), (a, m), (b, v))
kept = 0.95 * w  # decay 0.5
show("lamb with decay", (w, kept - lr * np.linalg.norm(kept) / np.linalg.norm(u) * u), (a, m), (b, v))
show("lamb of zeros", (0 * w, -lr * u), (a, m), (b, v))

beta = 1 - t**-0.8
rms = lambda x: np.sqrt(np.mean(x * x))


def adafactor(w, g, v):
    u = g / np.sqrt(v)
    return w - min(lr, t**-0.5) * max(1e-3, rms(w)) * u / max(1, rms(u))


v = beta * b + (1 - beta) * (g * g + 1e-30)
show("adafactor of a vector", (w, adafactor(w, g, v)), (b, v))
w2, g2 = np.array([[1, -0.5, 0.25], [2, 0.75, -1.5]]), np.array([[0.5, -1, 0.25], [0.125, -3, 1]])
r0, c0 = np.array([0.3, 0.7]), np.array([0.4, 0.25, 2])
r = beta * r0 + (1 - beta) * (g2 * g2 + 1e-30).mean(1)
c = beta * c0 + (1 - beta) * (g2 * g2 + 1e-30).mean(0)
show("adafactor of a matrix", (w2, adafactor(w2, g2, np.outer(r / r.mean(), c)).ravel()), (r0, r), (c0, c))
