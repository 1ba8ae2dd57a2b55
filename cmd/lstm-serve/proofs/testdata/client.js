// Takes the steps of a sequence, one JSON array each on standard input, over a stream of
// ModelStreamInfer, by grpc-js and the protocol's messages alone, and prints the outputs.
'use strict';

const [modules, address, model, sequence] = process.argv.slice(2);
const path = require('path');
const fs = require('fs');
const load = (name) => require(path.join(modules, 'node_modules', name));
const grpc = load('@grpc/grpc-js');
const loader = load('@grpc/proto-loader');

const messages = loader.loadSync(path.join(__dirname, '../../internal/inference/inference.proto'), { keepCase: true });
const { inference } = grpc.loadPackageDefinition(messages);
const client = new inference.GRPCInferenceService(address, grpc.credentials.createInsecure());

const inputs = JSON.parse(fs.readFileSync(0));
const outputs = [];
const stream = client.ModelStreamInfer();

function send(step) {
  const x = Float32Array.from(inputs[step]);
  stream.write({
    model_name: model,
    id: String(step),
    parameters: {
      sequence_id: { uint64_param: sequence },
      sequence_start: { bool_param: step === 0 },
      sequence_end: { bool_param: step === inputs.length - 1 },
      sequence_step: { int64_param: step + 1 },
    },
    inputs: [{ name: 'input', datatype: 'FP32', shape: [x.length] }],
    raw_input_contents: [Buffer.from(x.buffer)],
  });
}

stream.on('data', (answer) => {
  const response = answer.infer_response;
  if (answer.error_message || response.id !== String(outputs.length)) {
    throw new Error(`step ${outputs.length}: ${answer.error_message} ${JSON.stringify(response)}`);
  }
  const bytes = response.raw_output_contents[0];
  const y = [];
  for (let i = 0; i < bytes.length; i += 4) y.push(bytes.readFloatLE(i));
  outputs.push(y);
  if (outputs.length < inputs.length) send(outputs.length);
  else stream.end();
});
stream.on('end', () => {
  client.close();
  console.log(JSON.stringify(outputs));
});
stream.on('error', (error) => { throw error; });
send(0);
