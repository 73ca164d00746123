import { mount } from "svelte";
import Table from "./Table.svelte";
import "../styles/tokens.css";
import "../styles/base.css";

const target = document.getElementById("app");
if (target !== null) mount(Table, { target });
