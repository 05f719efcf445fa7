"""LSTM+Attention and BiDAF for one question and one context, word by word, with the LSTM of torch.nn."""

import torch
from torch import nn


def read(layer, words):
    """[T, d_x] to [T, 2 d] with a bidirectional LSTM that has the big cells of a layer."""
    cells = [reader.cells[0] for reader in layer.readers]
    lstm = nn.LSTM(words.shape[1], cells[0].size, bidirectional=True).double()
    for cell, suffix in zip(cells, ("", "_reverse"), strict=True):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(lstm, f"{name}_l0{suffix}").data.copy_(getattr(cell, name))
    return lstm(words[:, None])[0][:, 0]


def word(model, number, characters):
    """One word's vector: its row of the table, and the maximum of every filter over its characters."""
    parts = [model.embed_tokens.weight[number]]
    if model.characters is not None:
        filters, places = model.characters.filters, []
        vectors = [model.characters.embed.weight[c] for c in characters if c]
        half = filters.kernel_size[0] // 2
        for centre in range(len(vectors)):
            total = filters.bias.clone()
            for k in range(filters.kernel_size[0]):
                if 0 <= centre + k - half < len(vectors):
                    total += filters.weight[:, :, k] @ vectors[centre + k - half]
            places.append(total.relu())
        parts.append(torch.stack(places).amax(0) if places else torch.zeros_like(filters.bias))
    vector = torch.cat(parts)
    for transform, gate in zip(model.highway.transforms, model.highway.gates, strict=True):
        share = torch.sigmoid(gate(vector))
        vector = share * torch.relu(transform(vector)) + (1 - share) * vector
    return vector


def scores(weights, context, question):
    """w^T [x; q; x * q] for every pair, [T, J]."""
    return torch.stack([torch.stack([torch.cat([x, q, x * q]) @ weights for q in question]) for x in context])


@torch.no_grad()
def answer(model, context, characters, question, question_characters):
    """The start and end scores of a plain model.

    Args:
        model: In float64, of odd `char_width`.
        context: Ids of T words.
        characters: T lists of ids.
        question: Ids of J words, at least one.
        question_characters: J lists of ids.
    """
    match = torch.tensor([[float(c in question)] for c in context], dtype=torch.float64)
    x = torch.stack([word(model, *w) for w in zip(context, characters, strict=True)])
    q = torch.stack([word(model, *w) for w in zip(question, question_characters, strict=True)])
    for layer in model.encoder:
        x, q = read(layer, x), read(layer, q)
    reader = model.reader
    similarity = scores(reader.similarity.scores.weight[0], x, q)
    asked = torch.stack([row.softmax(0) @ q for row in similarity])
    if model.config.reader == "attention":
        hidden = torch.cat([x, asked, x * asked, match], 1)
        for layer in reader.layers:
            hidden = read(layer, hidden)
        return hidden @ reader.start.weight[0], hidden @ reader.end.weight[0]
    sought = similarity.amax(1).softmax(0) @ x
    g = torch.cat([x, asked, x * asked, x * sought], 1)
    m = torch.cat([g, match], 1)
    for layer in reader.layers:
        m = read(layer, m)
    start = torch.cat([g, m], 1) @ reader.start.weight[0]
    guess = (start.softmax(0) @ m).expand_as(m)
    last = read(reader.output_layer, torch.cat([g, m, guess, m * guess], 1))
    return start, torch.cat([g, last], 1) @ reader.end.weight[0]
