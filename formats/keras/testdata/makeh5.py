#!/usr/bin/env python3
"""Makes files of Keras of models of this folder, for the test of totfjs.py.

    python3 makeh5.py LAYOUT FOLDER FILE [LAYOUT FOLDER FILE]…

Keras itself is not to be had everywhere; what its files look like is written in
its own hdf5_format.py and saving_lib.py. LAYOUT is

    keras2           a .h5 file of Keras 2.15
    old              a .h5 file of Keras 2.2, whose weights have names of their own
    weights          a .h5 file with weights only, and FILE.json with the rest
    cudnn            a .h5 file with CuDNNLSTM layers instead of LSTM layers
    cudnn_in_lstm    the same weights in LSTM layers
    keras3_h5        a .h5 file of Keras 3
    keras3           a .keras file
    keras213         a .keras file of Keras 2.13
    keras3_weights   a .weights.h5 file of Keras 3, and FILE.json with the rest
"""
import io, json, os, re, sys, zipfile
import h5py, numpy


def load(folder):
    with open(os.path.join(folder, 'model.json')) as f:
        document = json.load(f)
    weights = {}
    for group in document['weightsManifest']:
        data = b''.join(open(os.path.join(folder, p), 'rb').read() for p in group['paths'])
        for spec in group['weights']:
            n = int(numpy.prod(spec['shape']))
            weights[spec['name']] = numpy.frombuffer(data[:4 * n], '<f4').reshape(spec['shape'])
            data = data[4 * n:]
    topology = document['modelTopology']
    return {key: topology[key] for key in ('class_name', 'config')}, weights


def of_layer(weights, layer):
    name = layer['config']['name']
    return {key[len(name) + 1:]: value for key, value in weights.items() if key.startswith(name + '/')}


def to_cudnn(layer, weights):
    """The inverse of what Keras does when an LSTM loads the weights of a CuDNNLSTM."""
    kernel, recurrent, bias = (weights[k] for k in ('kernel', 'recurrent_kernel', 'bias'))
    each = lambda matrix, change: numpy.hstack([change(gate) for gate in numpy.hsplit(matrix, 4)])
    kernel = each(kernel, lambda k: k.T.reshape(k.shape, order='C'))
    first = (0.75 * bias).astype('<f4')
    return {'kernel': kernel, 'recurrent_kernel': each(recurrent, numpy.transpose), 'bias': numpy.concatenate([first, bias - first])}


def write_h5(file, model, weights, layout):
    root = file
    layers = model['config']['layers']
    if layout != 'weights':
        root = file.create_group('model_weights')
    file.attrs['keras_version'] = root.attrs['keras_version'] = '2.2.4' if layout == 'old' else '2.15.0'
    root.attrs['layer_names'] = [layer['config']['name'].encode() for layer in layers]
    for layer in layers:
        name = layer['config']['name']
        mine = of_layer(weights, layer)
        if layout.startswith('cudnn') and layer['class_name'] == 'LSTM':
            mine = to_cudnn(layer, mine)
            if layout == 'cudnn':
                layer['class_name'] = 'CuDNNLSTM'
                for option in ('activation', 'recurrent_activation', 'use_bias', 'implementation', 'unroll'):
                    layer['config'].pop(option, None)
        group = root.create_group(name)
        paths = []
        for key, value in mine.items():
            *inner, kind = key.split('/')
            cell = ['lstm_cell_7'] if layer['class_name'] in ('LSTM', 'Bidirectional', 'RNN') else []
            path = {
                'old': [name + '_2', *inner, kind + ':0'],
                'keras3_h5': ['sequential', name, *inner, *cell, kind],
            }.get(layout, [name, *inner, *cell, kind + ':0'])
            paths.append('/'.join(path).encode())
            group.create_dataset('/'.join(path), data=value)
        group.attrs['weight_names'] = paths
    if layout == 'keras3_h5':
        file.attrs['keras_version'] = '3.3.3'
        return json.dumps(keras3_config(model))
    return json.dumps({**model, 'keras_version': '2.15.0', 'backend': 'tensorflow'})


def snake(name):
    return {'LSTM': 'lstm', 'RNN': 'rnn', 'Dense': 'dense', 'TimeDistributed': 'time_distributed', 'Bidirectional': 'bidirectional', 'Dropout': 'dropout'}.get(name, name.lower())


def keras3_config(value):
    """The config of a layer as Keras 3 writes it."""
    if isinstance(value, list):
        return [keras3_config(v) for v in value]
    if not isinstance(value, dict):
        return value
    value = {key: keras3_config(v) for key, v in value.items()}
    if 'batch_input_shape' in value:
        value['batch_shape'] = value.pop('batch_input_shape')
    if 'class_name' in value and 'config' in value:
        value = {'module': 'keras.layers', 'registered_name': None, 'build_config': {'input_shape': [None, None, 1]}, **value}
        value['config'].setdefault('dtype', {'module': 'keras', 'class_name': 'DTypePolicy', 'config': {'name': 'float32'}, 'registered_name': None})
        if value['class_name'] == 'LSTM':
            value['config'].update(zero_output_for_mask=False, seed=None, use_cudnn='auto')
    if isinstance(value.get('inbound_nodes'), list):
        tensor = lambda ref: {'class_name': '__keras_tensor__', 'config': {'shape': [None, None, 1], 'dtype': 'float32', 'keras_history': ref[:3]}}
        value['inbound_nodes'] = [{'args': [tensor(ref) for ref in node], 'kwargs': {'training': False, 'mask': None}} for node in value['inbound_nodes']]
    return value


def write_keras3(file, model, weights, container):
    count = {}
    for layer in model['config']['layers']:
        name = snake(layer['class_name'])
        # Keras 2.13 counts every layer twice.
        number = count[name] = count.get(name, -1) + 1 if container == 'layers' else count.get(name, -2) + 2
        path = f'{container}/{name}' + (f'_{number}' if number else '')
        recurrent = layer['class_name'] in ('LSTM', 'Bidirectional', 'RNN')
        file.create_group(path + '/vars')
        if layer['class_name'] == 'Dropout' or recurrent:
            file[path + ('/cell' if recurrent else '') + '/seed_generator/vars/0'] = numpy.array([1, 2], 'uint32')
        for i, (key, value) in enumerate(of_layer(weights, layer).items()):
            *inner, kind = key.split('/')
            sub = []
            if layer['class_name'] == 'Bidirectional':
                sub = ['forward_layer' if inner[0].startswith('forward_') else 'backward_layer', 'cell']
            elif inner:
                number = int(re.search(r'\d+$', inner[0])[0])
                sub = ['cell', 'cells', 'lstm_cell' + (f'_{number}' if number else '')]
            elif layer['class_name'] == 'TimeDistributed':
                sub = ['layer']
            elif recurrent:
                sub = ['cell']
            order = ['kernel', 'recurrent_kernel', 'bias'] if recurrent else ['embeddings'] if layer['class_name'] == 'Embedding' else ['kernel', 'bias']
            file['/'.join([path, *sub, 'vars', str(order.index(kind))])] = value


def main(layout, folder, target):
    model, weights = load(folder)
    if layout in ('keras3', 'keras213'):
        buffer = io.BytesIO()
        with h5py.File(buffer, 'w') as file:
            write_keras3(file, model, weights, 'layers' if layout == 'keras3' else '_layer_checkpoint_dependencies')
        with zipfile.ZipFile(target, 'w') as archive:
            archive.writestr('metadata.json', json.dumps({'keras_version': '3.3.3' if layout == 'keras3' else '2.13.1'}))
            archive.writestr('config.json', json.dumps(keras3_config(model)))
            archive.writestr('model.weights.h5', buffer.getvalue())
        return
    with h5py.File(target, 'w') as file:
        if layout == 'keras3_weights':
            write_keras3(file, model, weights, 'layers')
            config = json.dumps(keras3_config(model))
        else:
            config = write_h5(file, model, weights, layout)
        if layout in ('weights', 'keras3_weights'):
            with open(target + '.json', 'w') as f:
                f.write(config)
        else:
            file.attrs['model_config'] = config.encode() if layout == 'old' else config


for i in range(1, len(sys.argv), 3):
    main(*sys.argv[i:i + 3])
