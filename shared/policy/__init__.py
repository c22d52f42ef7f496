"""What the fleet may do: rules over a directive and a situation. Pure; asked at ruling and at the moment of use."""
