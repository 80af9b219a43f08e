//! Small ONNX models, built in the tests.

use nascent_compiler::graph::Graph;
use nascent_compiler::{Architecture, CompileError, Earlier, Limits, Model, Rules, read_onnx};
use prost::Message;
use std::path::PathBuf;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto,
};

/// Number of the float type.
pub const FLOAT: i32 = 1;

/// A model under construction.
#[derive(Clone)]
pub struct Net {
    pub model: ModelProto,
}

impl Net {
    /// An empty model of operator set 17 with the data input `x` (batch, 4, 8, 8).
    pub fn new() -> Self {
        let graph = GraphProto {
            name: "net".to_owned(),
            ..GraphProto::default()
        };
        let model = ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto {
                domain: String::new(),
                version: 17,
            }],
            graph: Some(graph),
            ..ModelProto::default()
        };
        Self { model }.input("x", &[-1, 4, 8, 8])
    }

    pub fn graph(&mut self) -> &mut GraphProto {
        self.model.graph.as_mut().unwrap()
    }

    /// A float input; a negative dimension is symbolic.
    pub fn input(mut self, name: &str, dims: &[i64]) -> Self {
        let info = value_info(name, dims);
        self.graph().input.push(info);
        self
    }

    pub fn output(mut self, name: &str) -> Self {
        let info = value_info(name, &[-1]);
        self.graph().output.push(info);
        self
    }

    /// A float initializer of a shape, all its values 0.5.
    pub fn weight(mut self, name: &str, dims: &[i64]) -> Self {
        let elements = dims.iter().product::<i64>() as usize;
        self.graph().initializer.push(TensorProto {
            name: name.to_owned(),
            dims: dims.to_vec(),
            data_type: FLOAT,
            float_data: vec![0.5; elements],
            ..TensorProto::default()
        });
        self
    }

    pub fn ints(mut self, name: &str, values: &[i64]) -> Self {
        self.graph().initializer.push(TensorProto {
            name: name.to_owned(),
            dims: vec![values.len() as i64],
            data_type: 7,
            int64_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    pub fn scalar(mut self, name: &str, value: f32) -> Self {
        self.graph().initializer.push(TensorProto {
            name: name.to_owned(),
            data_type: FLOAT,
            float_data: vec![value],
            ..TensorProto::default()
        });
        self
    }

    /// `op`, its inputs and outputs separated by blanks, `_` for none:
    /// `("Conv", "x w", "y")`.
    pub fn node(self, op: &str, inputs: &str, outputs: &str) -> Self {
        self.node_with(op, inputs, outputs, vec![])
    }

    pub fn node_with(
        mut self,
        op: &str,
        inputs: &str,
        outputs: &str,
        attribute: Vec<AttributeProto>,
    ) -> Self {
        let split = |text: &str| {
            let names = text.split(' ').filter(|name| !name.is_empty());
            let named = names.map(|name| if name == "_" { "" } else { name }.to_owned());
            named.collect::<Vec<_>>()
        };
        self.graph().node.push(NodeProto {
            op_type: op.to_owned(),
            input: split(inputs),
            output: split(outputs),
            attribute,
            ..NodeProto::default()
        });
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.model.encode_to_vec()
    }

    pub fn read(&self) -> Result<Graph, CompileError> {
        read_onnx(&self.bytes(), &Limits::default())
    }

    pub fn compile_with(&self, rules: &str) -> Result<Model, CompileError> {
        self.compile_after(rules, &[], &[])
    }

    /// With weights that earlier plans sample, but for those whose names match.
    pub fn compile_after(
        &self,
        rules: &str,
        earlier: &[Earlier<'_>],
        redraw: &[String],
    ) -> Result<Model, CompileError> {
        let limits = Limits::default();
        let rules = Rules::parse(&format!("version = 1\n{rules}"), &limits)?;
        let architecture = Architecture::Onnx(self.read()?);
        architecture.compile_after("net", &rules, &limits, earlier, redraw)
    }

    pub fn compile(&self) -> Result<Model, CompileError> {
        self.compile_with("")
    }
}

pub fn value_info(name: &str, dims: &[i64]) -> ValueInfoProto {
    use tensor_shape_proto::{Dimension, dimension::Value};
    let dim = dims.iter().map(|&dim| Dimension {
        denotation: String::new(),
        value: Some(match dim {
            dim if dim < 0 => Value::DimParam("n".to_owned()),
            dim => Value::DimValue(dim),
        }),
    });
    let tensor = type_proto::Tensor {
        elem_type: FLOAT,
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            denotation: String::new(),
            value: Some(type_proto::Value::TensorType(tensor)),
        }),
        doc_string: String::new(),
    }
}

pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: 2,
        i: value,
        ..AttributeProto::default()
    }
}

pub fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: 1,
        f: value,
        ..AttributeProto::default()
    }
}

pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: 7,
        ints: values.to_vec(),
        ..AttributeProto::default()
    }
}

pub fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: 3,
        s: value.as_bytes().to_vec(),
        ..AttributeProto::default()
    }
}

/// A bundled file.
pub fn example(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(path)
}

/// A bundled model under rules.
pub fn bundled(name: &str, rules: &str) -> Model {
    let limits = Limits::default();
    let architecture = Architecture::open(&example(&format!("models/{name}")), &limits).unwrap();
    let rules = Rules::parse(&format!("version = 1\n{rules}"), &limits).unwrap();
    architecture.compile(name, &rules, &limits).unwrap()
}

/// Name, role, fans and fill of each tensor, one a line.
pub fn table(model: &Model) -> String {
    let rows = model.tensors.iter().map(|tensor| {
        let parameter = &tensor.parameter;
        let fans = match parameter.fans {
            Some(fans) => format!("{}/{}", fans.fan_in, fans.fan_out),
            None => "-".to_owned(),
        };
        format!(
            "{} {:?} {} {fans} {}\n",
            parameter.name,
            parameter.dims,
            parameter.role.name(),
            tensor.init
        )
    });
    rows.collect()
}
