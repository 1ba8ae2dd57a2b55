#!/usr/bin/env python3
"""Makes a folder that keras.Open reads of a model of Keras 2 or 3.

    python3 totfjs.py MODEL FOLDER [ARCHITECTURE]

MODEL is a .h5 or .keras file. One with weights only, as save_weights writes it,
needs ARCHITECTURE, a file with what model.to_json() returns. FOLDER/model.json and
FOLDER/weights.bin are written. Needs h5py and nothing else of Keras.
"""
import io, json, os, re, sys, zipfile
import h5py, numpy


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def names(group, key):
    """A list among the attributes, which is in parts where it is long."""
    parts = [key] if key in group.attrs else sorted((k for k in group.attrs if re.fullmatch(key + r'\d+', k)), key=natural)
    return [text(name) for part in parts for name in group.attrs[part]]


def natural(name):
    """A key that sorts lstm_2 before lstm_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r'(\d+)', name)]


def h5_weights(file):
    """Weights of a .h5 file of Keras 2, and of Keras 3 where it writes such."""
    root = file.get('model_weights', file)
    for layer in names(root, 'layer_names'):
        for name in names(root[layer], 'weight_names'):
            plain = re.sub(r':\d+$', '', name)
            yield plain if plain.startswith(layer + '/') else layer + '/' + plain, root[layer][name]


def snake(name):
    return re.sub('([a-z])([A-Z])', r'\1_\2', re.sub('(.)([A-Z][a-z]+)', r'\1_\2', name)).lower()


def keras3_weights(file, layers):
    """Weights of Keras 3's own layout, in groups that are called and counted by class."""
    root = file['layers'] if 'layers' in file else file['_layer_checkpoint_dependencies']
    found = {}
    for group in sorted(root, key=natural):
        paths = []
        root[group].visit(paths.append)
        paths = sorted((p for p in paths if isinstance(root[group][p], h5py.Dataset) and 'seed_generator' not in p), key=natural)
        if paths:
            found.setdefault(re.sub(r'_\d+$', '', group), []).append((group, paths))
    for layer in layers:
        config, groups = layer['config'], found.get(snake(layer['class_name']))
        if not groups or config.get('layer', {}).get('class_name') in WITHOUT_WEIGHTS:
            continue
        group, paths = groups.pop(0)
        for path in paths:
            *inner, number = path.split('/')
            kinds = ['kernel', 'recurrent_kernel', 'bias'] if 'cell' in inner else ['embeddings'] if layer['class_name'] == 'Embedding' else ['kernel', 'bias']
            yield '/'.join([config['name'], *inner, dict(enumerate(kinds)).get(int(number), number)]), root[group][path]
    if any(found.values()):
        sys.exit(f'there are weights that belong to no layer: {found}')


# What TimeDistributed may have as its layer, and then no weights.
WITHOUT_WEIGHTS = ['Activation', 'ReLU', 'LeakyReLU', 'ThresholdedReLU', 'ELU', 'Softmax', 'Dropout']


def read(source):
    """The file of weights, what the model is and the version of Keras, None if unknown."""
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            version = json.loads(archive.read('metadata.json'))['keras_version']
            return h5py.File(io.BytesIO(archive.read('model.weights.h5')), 'r'), json.loads(archive.read('config.json')), version
    file = h5py.File(source, 'r')
    config, version = (text(file.attrs.get(key)) for key in ('model_config', 'keras_version'))
    return file, config and json.loads(config), version


def main(source, folder, architecture=None):
    file, model, version = read(source)
    if architecture:
        with open(architecture) as f:
            model = json.load(f)
    if not model:
        sys.exit(source + ' has weights only: say what model.to_json() returns, in a file after the folder')
    if 'layers' in file or '_layer_checkpoint_dependencies' in file:
        weights = keras3_weights(file, model['config']['layers'])
    else:
        weights = h5_weights(file)
    os.makedirs(folder, exist_ok=True)
    manifest = []
    with open(os.path.join(folder, 'weights.bin'), 'wb') as out:
        for name, dataset in weights:
            if 'seed_generator' in name:
                continue  # a dropout's
            array = numpy.asarray(dataset[()], '<f4')
            out.write(array.tobytes())
            manifest.append({'name': name, 'shape': array.shape, 'dtype': 'float32'})
    topology = {'keras_version': version, 'model_config': model}
    with open(os.path.join(folder, 'model.json'), 'w') as out:
        json.dump({'format': 'layers-model', 'modelTopology': topology, 'weightsManifest': [{'paths': ['weights.bin'], 'weights': manifest}]}, out)


if __name__ == '__main__':
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
